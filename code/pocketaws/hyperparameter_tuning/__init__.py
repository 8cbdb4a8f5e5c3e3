"""Hyperparameter tuning: what to try next, when to stop a job that lags behind, and the jobs themselves.

The modules:

    ranges            the values that a hyperparameter may have, on a scale from 0 to 1
    strategies        Random, Grid, Bayesian: the next combination to try
    gaussian_process  what Bayesian expects of a combination that was not tried
    early_stopping    AWS's median rule
    runner            launches the training jobs and follows them to their end
"""
