"""Plan to host values: links, addresses, firewall, DHCP, in the words of the kernel."""
