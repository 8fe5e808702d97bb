"""Fetching neural models into the models folder: from where, piece by piece, checked, as a job of the ledger."""
