"""AWS Budgets: budgets, notifications, subscribers and tags. Nobody is ever sent an e-mail."""
