"""What people read of a session: one frozen report, and one file for each reader of it. Nothing here knows pytest."""
