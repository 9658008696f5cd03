"""The impure side: methods, credentials, limits, contracts and logs of real processes."""
