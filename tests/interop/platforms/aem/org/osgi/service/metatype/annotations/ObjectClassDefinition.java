package org.osgi.service.metatype.annotations;

/** As OSGi has it. */
public @interface ObjectClassDefinition {
    String name() default "";
}
