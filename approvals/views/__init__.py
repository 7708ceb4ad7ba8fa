"""Every page where someone asks for, decides or changes who may hold what."""
