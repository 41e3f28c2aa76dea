package org.osgi.service.component.annotations;

/** As OSGi has it. */
public @interface Component {
    Class<?>[] service() default {};
}
