"""Point this process at a local AWS, and back: environment variables and SDK 3's fixed STS address.

boto3 follows AWS_ENDPOINT_URL for every service
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html, 2026-11). The SageMaker SDK 3
does not for STS: its sts_regional_endpoint() builds https://sts.<region>.amazonaws.com itself. That one
function is replaced while the local AWS is in use, in modules that are imported already and in those that
will be.

While it is in use the machine's own AWS configuration and credentials are out of reach of this process.
"""

import importlib.abc
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from tuneaws import lesson

DUMMY_KEY = "pocketaws"  # the access key in local: no real one has fewer than 16 characters
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
APP_ID = "AWS_SDK_UA_APP_ID"
STS_MODULES = ("sagemaker.core.helper.session_helper", "sagemaker.core.common_utils")

# SDK 3 sends usage data to AWS unless its configuration says otherwise; in local it also must not pick up
# the machine's own SDK defaults, such as a VPC or a key (SDK 3.27, sagemaker.core.{telemetry,config}).
SDK_CONFIG = """SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""

_saved = None  # the variables as they were before the first enter()
_sts_url = None


def local_variables(url: str, region: str, folder) -> dict:
    """The variables of a process that uses the local AWS. The two files in `folder` are made by enter()."""
    folder = Path(folder)
    config, sdk = str(folder / "aws-config"), str(folder / "sagemaker-sdk.yaml")
    bypass = [h for h in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if h]
    bypass = ",".join(dict.fromkeys([*bypass, "127.0.0.1", "localhost"]))
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": DUMMY_KEY,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_CONFIG_FILE": config,
        "AWS_SHARED_CREDENTIALS_FILE": config,
        "AWS_EC2_METADATA_DISABLED": "true",
        APP_ID: app_id(),
        **role_variables(),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": sdk,
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": sdk,
        "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE") or "1",  # the local hub has what a job needs
        "NO_PROXY": bypass,
        "no_proxy": bypass,
    }


def app_id() -> str:
    """What the User-Agent of each call says of the program: the course and its lesson. CloudTrail shows it.

    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html, 2026-11: up to 50 characters)
    """
    return f"tuneaws-{lesson.current() or 'python'}"[:50]


def own_keys(url: str) -> dict:
    """The access key that stands in the environment beside this very address: a user's of the local AWS."""
    if os.environ.get("AWS_ENDPOINT_URL") != url or "AWS_ACCESS_KEY_ID" not in os.environ:
        return {}
    return {name: os.environ[name] for name in KEYS if name in os.environ}


def role_variables() -> dict:
    """What lets the SDK 3 take a role of least privilege, unless you have set it.

    SDK 3.27's ModelTrainer refuses a role without, among others, nine actions on EC2's network, which only a
    job in a VPC needs (sagemaker.core.helper.iam_role_resolver; it reads this variable).
    """
    return {"SAGEMAKER_VALIDATE_ROLE": os.environ.get("SAGEMAKER_VALIDATE_ROLE") or "false"}


def without_aws(environ) -> dict:
    """A copy without any AWS_ variable: what the local server is started with."""
    return {key: value for key, value in environ.items() if not key.startswith("AWS_")}


def enter(url: str, region: str, folder) -> None:
    """Send every AWS call of this process to `url` until leave()."""
    global _saved, _sts_url
    variables = {**local_variables(url, region, folder), **own_keys(url)}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "aws-config").write_text("# Empty: in local your own AWS configuration is not read.\n")
    (folder / "sagemaker-sdk.yaml").write_text(SDK_CONFIG)
    if _saved is None:
        _saved = dict(os.environ)
    for key in [k for k in os.environ if k.startswith("AWS_")]:
        del os.environ[key]
    os.environ.update(variables)
    _sts_url = url
    boto3.DEFAULT_SESSION = None  # it would keep the credentials that it has found before
    _forget_sdk_clients()
    _patch_sts()


def home_of(environ) -> Path | None:
    """The home of the local AWS that enter() has pointed this environment, or that of a parent, to.

    It is there still when that local AWS has died, for whoever starts it again. None: there is none.
    """
    config = Path(environ.get("AWS_CONFIG_FILE", ""))
    if "AWS_ENDPOINT_URL" not in environ or config.parts[-2:] != ("client", "aws-config"):
        return None
    return config.parents[1] if config.exists() else None


def leave() -> None:
    """Put back every variable that enter() changed. Nothing happens if it was not called."""
    global _saved, _sts_url
    _sts_url = None
    boto3.DEFAULT_SESSION = None
    _forget_sdk_clients()
    if _saved is None:
        return
    aws = {key for key in [*os.environ, *_saved] if key.startswith("AWS_")}
    for key in aws | set(local_variables("", "", "")):
        if key in _saved:
            os.environ[key] = _saved[key]
        else:
            os.environ.pop(key, None)
    _saved = None


def leftovers(environ) -> list:
    """Variables that would send a call meant for AWS to this machine, as "NAME=value"."""
    found = []
    for key, value in sorted(environ.items()):
        if key == "AWS_ENDPOINT_URL" or key.startswith("AWS_ENDPOINT_URL_"):
            host = urlsplit(value).hostname or ""
            if host in ("localhost", "::1", "0.0.0.0") or host.startswith("127."):
                found.append(f"{key}={value}")
        elif key == "AWS_ACCESS_KEY_ID" and value == DUMMY_KEY:
            found.append(f"{key}={value}")
    return found


def _forget_sdk_clients() -> None:
    """SDK 3 keeps its boto3 clients for the life of the process, each with the address it was made with."""
    module = sys.modules.get("sagemaker.core.utils.utils")
    for kept in ("SingletonMeta", "_ClientCacheMeta"):  # 3.12 has the first, 3.27 both
        getattr(getattr(module, kept, None), "_instances", {}).clear()


def _patch_sts() -> None:
    for name in STS_MODULES:
        if name in sys.modules:
            _patch_module(sys.modules[name])
    if not any(isinstance(finder, _PatchOnImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PatchOnImport())


def _patch_module(module) -> None:
    real = getattr(module, "sts_regional_endpoint", None)
    if real is None or getattr(real, "follows_local", False):
        return

    def sts_regional_endpoint(region):
        return _sts_url or real(region)

    sts_regional_endpoint.follows_local = True
    module.sts_regional_endpoint = sts_regional_endpoint


class _PatchOnImport(importlib.abc.MetaPathFinder):
    """Patches the SDK's modules right after their own import, whoever imports them and whenever."""

    def find_spec(self, name, path=None, target=None):
        if name not in STS_MODULES:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                run = spec.loader.exec_module

                def exec_module(module, run=run):
                    run(module)
                    _patch_module(module)

                spec.loader.exec_module = exec_module
                return spec
        return None
