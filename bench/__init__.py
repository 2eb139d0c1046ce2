"""Workloads timed beside their peers, in one run on one machine."""
