"""The commands, one file each; the folder above holds what they share."""
