package org.osgi.service.metatype.annotations;

/** As OSGi has it, in part. */
public @interface AttributeDefinition {
    String name() default "";

    String description() default "";

    AttributeType type() default AttributeType.STRING;
}
