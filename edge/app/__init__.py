"""The composition root: the only place that names the box's concrete parts together.

One room a process or command, so that none loads what it does not run: the supervisor and the
front never load OpenCV.
"""
