"""A web hook that is asked before approval: about the ticket, the on-call roster, whatever a company wants to know first."""
