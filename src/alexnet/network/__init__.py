"""What the network is: descriptions, their arithmetic and their account; standard library only."""
