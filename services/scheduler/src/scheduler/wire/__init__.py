"""Between protobuf and the core: the only modules of the scheduler that know both. They decide nothing."""
