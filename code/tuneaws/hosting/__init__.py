"""The parts of tuneaws.huggingface that serve a model, each a module that can be copied out.

    model_arguments   the arguments of HuggingFaceModel: what each is for, what is refused and why
    deploy_arguments  the arguments of deploy(), the same
    model             HuggingFaceModel: the requests, and sending them
    predictor         HuggingFacePredictor: ask an endpoint, update it, delete it
    async_predictor   AsyncPredictor: requests and answers by way of S3
    package           ModelPackage: a version in the model registry, deployed by its ARN
    from_estimator    HuggingFace.deploy(), .create_model() and .register()
    wait              until an endpoint is in service, or why it is not
    codec, stream, errors   JSON; pieces of an answer as they come; the container's own words

The requests themselves are built in tuneaws.estimator.hosting_request, the archive in
tuneaws.estimator.repack. Nothing here imports the SageMaker SDK before it needs it.
"""
