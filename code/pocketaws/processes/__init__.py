"""Processes that never outlive the server, and their output in CloudWatch Logs. Jobs and endpoints use both.

host.py                one instance: its supervisor process, its pipes, its log
supervisor.py          the process that owns an instance's processes
log_stream.py          output → CloudWatch Logs
environment.py         what a container has in its environment
requirements_check.py  requirements.txt: there already, or pip into a folder of the container's own
"""
