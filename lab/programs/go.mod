module chatcluster.dev/lab/programs

go 1.24
