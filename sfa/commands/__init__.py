"""What the command line can do: a module a command, each with `arguments(parser)` and `main(config, args)`."""
