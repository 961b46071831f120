"""The commands, one file each; what they share stands in the folder above."""
