module rehup.dev/cluster/witness

go 1.26.0
