"""What can go wrong between the service and a container.

    HostingError
    ├── NoSuchVariant      TargetVariant names none of the endpoint's variants
    ├── NotServing         no healthy container: none yet, or one that cannot be restarted
    └── ContainerError     a container took the request
        ├── ContainerTimeout   it did not answer in time
        └── ContainerGone      it ended, or closed the connection, while it answered
            └── ContainerRefused   it took no connection: it never had the request

`log_stream` of a ContainerError is the stream of its instance in /aws/sagemaker/Endpoints/<endpoint>.
"""


class HostingError(Exception):
    """A request to an endpoint has no answer; the text says why."""


class NoSuchVariant(HostingError):
    """The endpoint has no variant of that name."""


class NotServing(HostingError):
    """The variant has no container that could take the request."""


class ContainerError(HostingError):
    """A container took the request and did not answer it.

    variant      the variant's name         log_stream   such as "AllTraffic/i-0123456789abcdef0"
    """

    def __init__(self, text: str, variant: str = "", log_stream: str = ""):
        super().__init__(text)
        self.variant = variant
        self.log_stream = log_stream


class ContainerTimeout(ContainerError):
    """No answer within the time that AWS gives a container."""


class ContainerGone(ContainerError):
    """The container's process ended while it had the request."""


class ContainerRefused(ContainerGone):
    """No connection could be made: the container has ended, and never had the request."""


class StartFailed(Exception):
    """A container did not come up; the text becomes the endpoint's FailureReason."""


class Cancelled(Exception):
    """The endpoint is being deleted, or the server ends, while its containers come up."""
