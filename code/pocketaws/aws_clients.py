"""The engine's own boto3 clients, all pointing at the server it runs in."""

import os
import threading

import boto3
import botocore.session
from botocore.config import Config

from pocketaws.iam.identity import ROOT_KEY as ACCESS_KEY
from pocketaws.iam.identity import role_key

APPLICATION = "pocketaws-engine"  # in its User-Agent: faults.py lets these calls be


class AwsClients:
    """S3, CloudWatch Logs and CloudWatch clients of one region, made when first needed.

    They ignore the profile, the credentials and the endpoints of the person who started the server.
    Clients are thread-safe, making one is not, hence the lock.
    """

    def __init__(self, endpoint_url: str, region: str, access_key: str = ACCESS_KEY):
        self.endpoint_url, self.region, self.access_key = endpoint_url, region, access_key
        self._made: dict = {}
        self._as_roles: dict[str, AwsClients] = {}
        self._lock = threading.Lock()

    def get(self, service: str):
        """The client of a service, such as "s3".

        Parameters are not validated again here: this module's callers send what botocore's model takes, and
        checking 10,000 log events costs as much as storing them.
        """
        with self._lock:
            if service not in self._made:
                self._made[service] = self._session().client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint_url,
                    aws_access_key_id=self.access_key,
                    aws_secret_access_key=self.access_key,
                    config=Config(
                        parameter_validation=False,
                        max_pool_connections=16,
                        retries={"total_max_attempts": 3, "mode": "standard"},
                        s3={"addressing_style": "path"},
                        proxies={},
                        user_agent_appid=APPLICATION,
                    ),
                )
            return self._made[service]

    def as_role(self, role_arn: str | None, service: str = "sagemaker") -> "AwsClients":
        """The same clients, whose calls are made as a role that a service took on; these for no role."""
        key = role_key(role_arn, service)
        if key == self.access_key:
            return self
        with self._lock:
            return self._as_roles.setdefault(key, AwsClients(self.endpoint_url, self.region, key))

    def close(self) -> None:
        """Close the connections, those of the roles too."""
        for clients in list(self._as_roles.values()):
            clients.close()
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()

    @staticmethod
    def _session() -> boto3.Session:
        core = botocore.session.Session(
            session_vars={
                "profile": (None, [], None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        return boto3.Session(botocore_session=core)
