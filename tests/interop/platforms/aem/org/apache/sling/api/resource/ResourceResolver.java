package org.apache.sling.api.resource;

/** As Sling has it, without its methods. */
public interface ResourceResolver {}
