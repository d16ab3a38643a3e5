"""What the box senses: cameras and recordings, bodies that move."""
