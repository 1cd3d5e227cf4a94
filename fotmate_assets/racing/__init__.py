"""Racing: Korean horse (KRA), cycle and boat (KSPO) races as daily partitions."""
