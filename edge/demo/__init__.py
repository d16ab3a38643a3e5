"""A demo recording made on the machine itself, so that a trial needs no camera and no download."""
