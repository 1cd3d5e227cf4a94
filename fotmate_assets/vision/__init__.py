"""The vision wing: video, and providers' tracking, to trajectories in metres."""
