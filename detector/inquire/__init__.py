"""Answer what people ask afterwards from archives and state; change nothing."""
