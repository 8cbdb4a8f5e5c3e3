"""What an endpoint is to run, as plain values: the control side makes them, the engine reads them."""

from dataclasses import dataclass, field

from pocketaws.keeping.json_values import dataclass_kind

# A container has 8 minutes after its start to answer /ping with 200 (docs: "Custom Inference Code with
# Hosting Services", 2026-11); ContainerStartupHealthCheckTimeoutInSeconds, 60 to 3,600, changes that.
STARTUP_TIMEOUT_S = 480
DOWNLOAD_TIMEOUT_S = 3600  # ModelDataDownloadTimeoutInSeconds, 60 to 3,600; AWS names no default, so its most


@dataclass_kind
@dataclass(frozen=True)
class ContainerSpec:
    """The one container of a model.

    image         registry path, such as "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:0.11-gpu"
    model_data    "s3://bucket/path/model.tar.gz"; None: no archive
    model_prefix  "s3://bucket/path/" of plain files (ModelDataSource, CompressionType None); None: none
    environment   the model's Environment
    role          ARN of the role that its calls are made as; None: the server's own
    """

    image: str
    model_data: str | None = None
    model_prefix: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    role: str | None = None


@dataclass_kind
@dataclass(frozen=True)
class VariantSpec:
    """One production variant: a model, on how many instances, with which share of the traffic.

    weight              its share is weight / sum of all weights; 0 takes no traffic but by TargetVariant
    startup_timeout_s   from the container's start to its first 200 from /ping
    download_timeout_s  for the model's download and extraction
    """

    name: str
    model_name: str
    container: ContainerSpec
    instance_type: str
    instance_count: int = 1
    weight: float = 1.0
    startup_timeout_s: int = STARTUP_TIMEOUT_S
    download_timeout_s: int = DOWNLOAD_TIMEOUT_S


@dataclass_kind
@dataclass(frozen=True)
class EndpointSpec:
    """An endpoint config, resolved.

    async_config   AsyncInferenceConfig as CreateEndpointConfig takes it; None: a real-time endpoint only
    """

    config_name: str
    variants: tuple[VariantSpec, ...]
    async_config: dict | None = None

    def variant(self, name: str) -> VariantSpec | None:
        """The variant of this name, None if there is none."""
        return next((variant for variant in self.variants if variant.name == name), None)
