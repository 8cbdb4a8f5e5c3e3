"""Who may do what: IAM's refusals, roles and who may take them on."""

from tuneaws.fixes.entry import Entry

DENIED = "AccessDenied|AccessDeniedException|UnauthorizedOperation|AuthorizationError|403"
IAM_PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html, 2026-11"
ROLES_PAGE = "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, 2026-11"
BEDROCK_ROLE = (
    "https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-iam-role.html, 2026-11"
)
MAY_NOT = r"is not authorized to perform: (?P<action>[\w:*-]+)( on resource: \"?(?P<resource>[^\s\"]+)\"?)?"

ROWS = (
    Entry(
        "pass-role", "call",
        r"is not authorized to perform: iam:PassRole( on resource: (?P<resource>\S+))?",
        "have iam:PassRole on {resource} allowed to your user or role, with iam:PassedToService "
        "sagemaker.amazonaws.com or bedrock.amazonaws.com: refusals.policy_for writes the policy",
        ROLES_PAGE, code=DENIED,
    ),
    Entry(
        "explicit-deny", "call", MAY_NOT + r".* with an explicit deny",
        "ask whoever manages the account: a policy forbids {action}, and no permission of yours lifts a Deny",
        IAM_PAGE, code=DENIED,
    ),
    Entry(
        "job-may-not-read", "job", r"AccessDenied|Access Denied|is not authorized to perform: "
        r"s3:|\b403\b.*Forbidden",
        "allow the role that the job runs as s3:GetObject and s3:ListBucket on its data and s3:PutObject on "
        "its output: policies.execution_role writes the policy",
        ROLES_PAGE,
    ),
    Entry(
        "may-not", "call", MAY_NOT,
        "have {action} allowed to your user or role: refusals.policy_for({action!r}, {resource!r}) is the "
        "policy for whoever manages the account",
        IAM_PAGE, code=DENIED,
    ),
    Entry(
        "cross-account-role", "call", r"Cross-account pass role is not allowed",
        "give the ARN of a role of your own account: roles.find_role looks for one",
        ROLES_PAGE,
    ),
    Entry(
        "role-trust", "call", r"Could not assume role (?P<role>arn:\S+?)\. ",
        "make sure that {role} is there and trusts sagemaker.amazonaws.com: roles.ensure_role makes such a "
        "role",
        "github.com/awslabs/predictive-maintenance-using-machine-learning issue 3, and the page above, "
        "2026-11",
        service="sagemaker",
    ),
    Entry(
        "model-role", "call", r"The execution role ARN \"(?P<role>[^\"]*)\" is invalid",
        "make sure that {role} is there and trusts sagemaker.amazonaws.com: roles.ensure_role makes such a "
        "role",
        ROLES_PAGE, operation="CreateModel",
    ),
    Entry(
        "bedrock-role", "call", r"Could not assume provided IAM role",
        "take a role that Bedrock may assume: bedrock_jobs.ensure_role() makes one, as bedrock.role_arn: "
        "null in config.yaml does",
        BEDROCK_ROLE, service="bedrock",
    ),
    Entry(
        "no-such-role", "call", r"[Rr]ole (with name )?\S* ?(cannot be found|not found)",
        "make it, roles.ensure_role(session.client('iam')), or name one that is there",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html, 2026-11", code="NoSuchEntity",
    ),
    Entry(
        "role-is-there", "call", r"Role with name (?P<role>\S+) already exists",
        "use the one that is there, roles.ensure_role finds {role}, or take another name",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html, 2026-11",
        code="EntityAlreadyExists",
    ),
    Entry(
        "bad-policy", "call", r".*",
        "print the policy as JSON and mend it: roles.trust_policy() shows the form",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_policies.html, 2026-11",
        code="MalformedPolicyDocument",
    ),
    Entry(
        "denied", "call", r".*",
        "check whose key is used (session.summary() shows it), and have the action of this call allowed to "
        "it",
        IAM_PAGE, code=DENIED, general=True,
    ),
)  # fmt: skip
