"""What a local AWS knows, on disk in its home, so that the next one on that home goes on with it.

    <home>/state/state.sqlite   store.py: (kind, key) → bytes, for everything below
    <home>/state/key            wholes.py: what access keys and secrets are encrypted with
    <home>/s3/                  files.py: the bytes of objects

    what moto holds             keeper.py, and for each service s3_keeper.py with s3_objects.py, wholes.py
                                (IAM, STS, secrets), logs.py, metrics.py; pickles.py for moto's own objects
    pocketaws' own resources    kept.py and tables.py, with json_values.py and cut_off.py

A change is on disk before it is answered: SIGKILL at any moment loses nothing that a client was told, and
leaves nothing half written. A power cut may take the last seconds; what it cut short is set aside.
"""
