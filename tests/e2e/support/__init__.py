"""What the stories share: the cloud under test and the clients that talk to it."""
