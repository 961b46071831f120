"""The user interface for people and scripts: commands, prompts, rendering, exit statuses."""
