"""Write the course's IAM policies and a CloudFormation template for one account.

    python code/write_policies.py --account 123456789012 --bucket tuneaws-123456789012-us-east-1-a1b2c3
    python code/write_policies.py --account 123456789012 --show learner       print one, write nothing

JSON files to build/policies/: learner-1.json, …, studio-1.json, instructor-1.json, execution-role.json,
bedrock-role.json, trust-sagemaker.json, trust-bedrock.json, deny-expensive.json (a service control policy),
and template.json:

    aws cloudformation deploy --template-file build/policies/template.json --stack-name tuneaws \\
        --capabilities CAPABILITY_NAMED_IAM

Nothing here asks AWS for anything, and everything that the files describe is free.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def documents(account: str, region: str, bucket: str, cfg, machines=None) -> dict:
    """{name: document} of everything that is written, the template among it.

    bucket     a bucket's name or a pattern for all learners', such as "tuneaws-123456789012-*"
    cfg        config.load(): project.name, project.tags, bedrock.region, model.hf_token_secret
    machines   patterns of the instance types that a learner may start; None: the course's
    """
    from tuneaws import policies
    from tuneaws.policies import cloudformation

    name, tags, secret = cfg.project.name, cfg.project.tags, cfg.model.hf_token_secret
    given = {"machines": machines} if machines else {}
    whole = {
        "learner": policies.learner(account, region, bucket, name, tags, secret=secret,
                                    bedrock_region=cfg.bedrock.region, **given),
        "studio": policies.studio(account, region),
        "instructor": policies.instructor(account, region, bucket, name, tags, cfg.bedrock.region),
        "execution_role": policies.execution_role(account, region, bucket, name, secret),
        "bedrock_role": policies.bedrock_role(account, bucket),
    }
    trusts = {"sagemaker": policies.trust("sagemaker", account, region),
              "bedrock": policies.trust("bedrock", account, cfg.bedrock.region)}
    parts = {f"{who}-{number}": part for who in ("learner", "studio", "instructor")
             for number, part in enumerate(policies.split(whole[who]), 1)}
    return {
        **parts, "execution-role": whole["execution_role"], "bedrock-role": whole["bedrock_role"],
        **{f"trust-{service}": trust for service, trust in trusts.items()},
        "deny-expensive": policies.deny_expensive(),
        "template": cloudformation.template(whole, trusts, tags, name),
    }


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line as a namespace; argparse ends the program when it makes no sense."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--account", required=True, help="12 digits")
    parser.add_argument("--region", help="default: region of config.yaml")
    parser.add_argument("--bucket", help="a bucket or a pattern (default: all learners')")
    parser.add_argument("--machines", nargs="+", metavar="TYPE", help="that a learner may start")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "policies", help="where the files go")
    parser.add_argument("--show", metavar="NAME", help="print the documents whose name starts so, and stop")
    args = parser.parse_args(arguments)
    if not re.fullmatch(r"\d{12}", args.account):
        parser.error(f"--account {args.account}: an account has 12 digits")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Write or print the documents; returns the exit code."""
    args = read_arguments(arguments)
    from tuneaws import config

    cfg = config.load()
    region = args.region or cfg.region
    bucket = args.bucket or f"tuneaws-*{args.account}-*"
    made = documents(args.account, region, bucket, cfg, args.machines)
    if args.show:
        shown = {name: one for name, one in made.items() if name.startswith(args.show)}
        if not shown:
            print(f"write_policies: no document begins with {args.show!r}; there are: {', '.join(made)}",
                  file=sys.stderr)
            return 2
        for one in shown.values():
            print(json.dumps(one, indent=2))
        return 0
    args.out.mkdir(parents=True, exist_ok=True)
    for name, one in made.items():
        path = args.out / f"{name}.json"
        path.write_text(json.dumps(one, indent=2) + "\n", encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
