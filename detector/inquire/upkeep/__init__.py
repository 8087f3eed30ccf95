"""Look after a state: what it holds, whether it is whole, copies of it, and the erasure of whom it shall not hold."""
