"""Downloads: archives, single files and published weights, fetched, verified and unpacked."""
