package org.osgi.service.metatype.annotations;

/** As OSGi has it, in part. */
public enum AttributeType {
    STRING,
    PASSWORD
}
