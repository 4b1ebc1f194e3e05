"""Parts that several sources share."""
