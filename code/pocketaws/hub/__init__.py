"""The stand-in for the model hub: a dialogue data set and a small chat model, made by scripts in here."""
