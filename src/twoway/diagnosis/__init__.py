"""What is wrong with files, chains and live servers: plan and conclude are pure, ``probe`` reaches the network."""
