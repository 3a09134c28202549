# The team has its namespace.
kubectl create namespace team-a --dry-run=client --output yaml | kubectl apply --server-side --filename -
