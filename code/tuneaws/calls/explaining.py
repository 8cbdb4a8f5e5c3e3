"""The fix beside the error: what every client of a session raises says what to do about it.

err.response stays as AWS sent it; str(err) has a line more, "Fix: …", and err.fix is the tuneaws.fixes.Fix,
None where the table has none.
"""

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from tuneaws import fixes


def install(boto, facts) -> None:
    """Have the clients of a boto3.Session explain their errors.

    Last of the parts, so that what is raised after every retry is what is explained.
    """

    class Explaining:
        """Goes in front of a client's class: botocore calls _make_api_call for every operation."""

        def _make_api_call(self, operation_name, api_params):
            try:
                return super()._make_api_call(operation_name, api_params)
            except (ClientError, BotoCoreError, HTTPClientError) as err:
                explain(err, self.meta.service_model.service_name, facts.where)
                raise

    def add(base_classes, **_):
        base_classes.insert(0, Explaining)

    boto.events.register_last("creating-client-class", add)


def explain(error, service: str = "", where: str = "aws") -> None:
    """Put the fix into an exception, once: error.fix, and a line more in str(error)."""
    if hasattr(error, "fix"):
        return
    error.fix = fixes.find(error, service)
    if error.fix is not None:
        error.args = (f"{error}\n{error.fix.line(where)}",)
