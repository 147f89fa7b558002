"""Files from elsewhere: fetched, resumed, checked and unpacked."""
