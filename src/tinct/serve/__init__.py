"""The HTTP API and its pages: `tinct serve`.

server    the process: binds, prints its address, stops gracefully
app       the routes; pictures, steering, about: what each of them does
guard     what every request passes: host, origin, token, limits, headers
crew      worker processes, each with one picture at a time; work: what they do
store     pictures and jobs, until they are deleted or too old
"""
