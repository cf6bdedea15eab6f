"""What agentkit costs beside a loop without a framework, and beside other frameworks, on the same work."""
