"""The engine's own boto3 clients, all pointing at the server it runs in."""

import os
import threading

import boto3
import botocore.session
from botocore.config import Config

APPLICATION = "pocketaws-engine"  # in its User-Agent: faults.py lets these calls be
ACCESS_KEY = "pocketaws"  # any key is accepted; this one says who asks


class AwsClients:
    """S3, CloudWatch Logs and CloudWatch clients of one region, made when first needed.

    They ignore the profile, the credentials and the endpoints of the person who started the server.
    Clients are thread-safe, making one is not, hence the lock.
    """

    def __init__(self, endpoint_url: str, region: str):
        self.endpoint_url = endpoint_url
        self.region = region
        self._made: dict = {}
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
                    aws_access_key_id=ACCESS_KEY,
                    aws_secret_access_key=ACCESS_KEY,
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

    def close(self) -> None:
        """Close the connections."""
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
