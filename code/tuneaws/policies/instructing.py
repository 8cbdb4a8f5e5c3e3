"""What an instructor may do: set the account up for learners, watch what it costs, clean up after them.

Whoever may write a role's policy and pass that role can give themselves what the role may: this is a trusted
person. It is confined to roles and policies that begin with the course's name.
"""

from tuneaws.policies.grants import because

SET_UP = because("the two roles", "our-roles", """
    iam:CreateRole iam:GetRole iam:UpdateAssumeRolePolicy iam:TagRole iam:UntagRole iam:PutRolePolicy
    iam:GetRolePolicy iam:ListRolePolicies iam:ListAttachedRolePolicies iam:DeleteRolePolicy iam:DeleteRole
    iam:SimulatePrincipalPolicy
""") + because("policies to hand out", "our-policies", """
    iam:CreatePolicy iam:GetPolicy iam:GetPolicyVersion iam:CreatePolicyVersion iam:ListPolicyVersions
    iam:DeletePolicyVersion iam:ListEntitiesForPolicy iam:TagPolicy iam:DeletePolicy
""") + because("hand them out, and no others", "learners", """
    iam:AttachUserPolicy iam:DetachUserPolicy iam:AttachGroupPolicy iam:DetachGroupPolicy
""", "our-policies-only") + because("the same on a role", "our-roles", """
    iam:AttachRolePolicy iam:DetachRolePolicy
""", "our-policies-only") + because("find what is left", "*", "iam:ListRoles iam:ListPolicies") + because(
    "find what is left, by its tags", "iam-tags", "iam:ListRoleTags iam:ListPolicyTags")
STACK = because("the same from the CloudFormation template", "stack", """
    cloudformation:CreateStack cloudformation:UpdateStack cloudformation:DeleteStack
    cloudformation:DescribeStacks cloudformation:DescribeStackEvents cloudformation:DescribeStackResources
    cloudformation:GetTemplate cloudformation:CreateChangeSet cloudformation:DescribeChangeSet
    cloudformation:ExecuteChangeSet cloudformation:DeleteChangeSet
""") + because("reads the template", "*", "cloudformation:ValidateTemplate cloudformation:GetTemplateSummary")
COSTS = because("the cost report: 0.01 USD a request", "*", "ce:GetCostAndUsage") + because(
    "tags appear in the report once they are activated", "*", """
    ce:ListCostAllocationTags ce:UpdateCostAllocationTagsStatus
""") + because("the course's budget", "budget", """
    budgets:ModifyBudget budgets:TagResource
""") + because("find it among others, by its tags", "budgets", """
    budgets:ViewBudget budgets:ListTagsForResource
""")
QUOTAS = because("ask for GPUs before the course", "quotas", """
    servicequotas:GetServiceQuota servicequotas:RequestServiceQuotaIncrease
""") + because("what there is and what was asked for", "*", """
    servicequotas:ListServiceQuotas servicequotas:ListAWSDefaultServiceQuotas
    servicequotas:ListRequestedServiceQuotaChangeHistory
""")

INSTRUCTOR = (*SET_UP, *STACK, *COSTS, *QUOTAS)
