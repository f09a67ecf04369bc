"""Programs that open foreign documents in a process of their own, with limits; they import nothing of the project's."""
