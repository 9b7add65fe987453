"""What each kind of job does, a module a kind; `runner` is the pipeline that every one of them goes through."""
