"""CLM: subscribers, segments, campaigns and responses. The sample application that the lab's releases carry."""
